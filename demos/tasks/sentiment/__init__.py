"""Sentiment: is a text positive or negative?"""
