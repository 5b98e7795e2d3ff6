"""HTTP for every dialect on the one port, on uvicorn with httptools. It knows no registry."""
