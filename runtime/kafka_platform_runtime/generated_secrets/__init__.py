"""Makes passwords in the cluster, once, and the Secrets that contain them."""
