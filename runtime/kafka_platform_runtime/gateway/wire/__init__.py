"""HTTP/1.1 and WebSockets on callers' connections, within bounds."""
