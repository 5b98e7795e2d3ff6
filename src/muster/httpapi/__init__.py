"""The native HTTP API of design section 7, on uvicorn with httptools."""
