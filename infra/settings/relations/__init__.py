"""What has to fit together in what every stack has. Every check yields all the faults that it finds."""
