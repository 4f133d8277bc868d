"""Multimodal entailment: does one post imply another?"""
