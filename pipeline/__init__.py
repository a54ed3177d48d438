"""Sluice's path of an image: pure rules at the bottom, stages and adapters above them.

Read in this order: ``items`` (what travels), ``path`` (what happens to it, in path order, and how the stages
overlap), ``ports`` (what the outside must offer), ``adapters`` (who offers it).
"""
