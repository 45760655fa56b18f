"""The process boundary: typed messages, the client that starts and watches an engine, and the engine itself."""
