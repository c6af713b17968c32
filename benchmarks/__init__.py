"""Floor, official SDK and this package on the same work, in one run (`make bench`)."""
