"""The API: real uvicorn on a free loopback port, the bundled model, and a gate before the encoder."""
