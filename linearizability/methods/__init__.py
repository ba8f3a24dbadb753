"""The methods that decide a model without a search where they apply, one per family of models."""
