"""Networks below the embedding."""
