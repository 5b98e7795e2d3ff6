"""What replicas say to one another, over HTTP on the port they have anyway."""
