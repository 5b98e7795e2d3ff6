"""Frameworks and servers that Muster knows. Nothing here is imported unless you name it, and nothing imports a framework you lack."""
