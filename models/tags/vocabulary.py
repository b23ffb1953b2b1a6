"""The tags of Khan et al., "Movies Tags Extraction Using Deep Learning" (AVSS 2017)."""

VOCABULARY = (
    "action", "bomb explosion", "car chase", "destruction", "sword fight", "vehicle crash", "violence", "abduction",
    "heist", "adventure", "animal", "beach/sea", "climbing", "desert", "hiking", "forest", "valleys/hills", "children",
    "family", "club/bar", "dance", "music", "wedding", "college/univ.", "hospital", "drinking", "food", "smoking",
    "exercise", "sports", "swimming", "glamor/fashion", "nudity", "romance", "sex", "horror", "monster", "murder",
    "lab experiment", "sci-fi", "super hero", "technology", "robot", "military", "police", "prison", "war", "weapon",
    "animation", "drama",
)  # fmt: skip
"""The 50 tags of the paper."""
