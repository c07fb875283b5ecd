"""What anchors are compared with: class proxies, a memory of past embeddings, and the weighted sum over them."""
