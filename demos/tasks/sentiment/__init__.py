"""Sentiment classification of texts."""
