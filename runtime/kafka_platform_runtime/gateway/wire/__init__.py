"""HTTP/1.1 and WebSockets on the connections of callers, within bounds."""
