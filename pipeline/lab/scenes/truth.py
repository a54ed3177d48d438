"""What the shipped policies are about, by emoji: the ground truth of calibration and of the model card.

``ABOUT`` names what a policy must flag. ``ARGUABLE`` names what a moderator could see either way, which counts
neither as a hit nor as a false flag. Every other emoji of the lexicon must pass.
"""

from __future__ import annotations

ABOUT: dict[str, tuple[str, ...]] = {
    "weapons": (
        "kitchen knife",
        "dagger",
        "crossed swords",
        "water pistol",
        "bomb",
        "bow and arrow",
        "axe",
    ),
    "tobacco": ("cigarette",),
    "alcohol": (
        "beer mug",
        "clinking beer mugs",
        "wine glass",
        "cocktail glass",
        "tropical drink",
        "clinking glasses",
        "tumbler glass",
        "bottle with popping cork",
        "sake",
    ),
    "needles-and-pills": ("syringe", "pill"),
    "gambling": (
        "slot machine",
        "game die",
        "joker",
        "flower playing cards",
        "mahjong red dragon",
        "spade suit",
        "club suit",
        "diamond suit",
    ),
    "rude-gestures": ("middle finger",),
    "gore": ("drop of blood", "skull", "skull and crossbones", "anatomical heart", "coffin", "headstone", "zombie"),
    "fire-and-explosives": ("fire", "collision", "firecracker", "fireworks", "sparkler", "volcano"),
    "hazard-symbols": ("radioactive", "biohazard"),
    "adults-only": ("no one under eighteen", "kiss mark", "bikini", "briefs", "love hotel"),
    "money-offers": (
        "money bag",
        "money with wings",
        "dollar banknote",
        "euro banknote",
        "pound banknote",
        "yen banknote",
        "money-mouth face",
        "coin",
    ),
}

ARGUABLE: dict[str, tuple[str, ...]] = {
    "weapons": ("person fencing", "hammer and pick", "trident emblem", "pick", "firecracker", "ninja", "boomerang"),
    "tobacco": (),
    "alcohol": ("mate", "teacup without handle", "pouring liquid"),
    "needles-and-pills": (),
    "gambling": ("heart suit", "horse racing"),
    "rude-gestures": (),
    "gore": ("vampire", "lungs", "brain", "bone", "funeral urn", "goblin", "ogre", "supervillain"),
    "fire-and-explosives": ("bomb", "sparkles", "comet", "exploding head", "mount fuji", "camping"),
    "hazard-symbols": (),
    "adults-only": ("one-piece swimsuit", "lipstick", "mouth", "biting lip", "hotel", "shorts", "kiss"),
    "money-offers": ("heavy dollar sign", "currency exchange", "chart increasing with yen", "gem stone"),
}
