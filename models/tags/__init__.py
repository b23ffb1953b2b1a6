"""Tags of shots: a head on a frozen backbone's embeddings, after Khan et al. (AVSS 2017).

Of each shot whose middle picture has enough entropy, the pictures are looked at through whatever the table
`embeddings` holds, and motion, sound and faces count too where the manifest makes their tables (`use`); a head
predicts a probability for each tag of the vocabulary. The paper's head and vocabulary are included; tags that overlap
are trained as many yes-or-no questions (`multi_label`).

    models:
      tags: {labels: tags}                                                        # the labels' tags, of all there is
      tags: {learner: auto, inputs: {shot_features: shot_features_tiles}}         # the best head; over tiles' vectors
      tags: {config: {vocabulary: khan2017, use: [picture], context: 0, head: seed, multi_label: false, epochs: 500}}
      tags: {config: {fine_tune: {backbone: net.keras, layers: 4}}}               # the top of a network learns too
"""

from __future__ import annotations

from cinelake.spec.model import Late, Model, Opinion
from models.tags import features, predict
from models.tags.config import LABELS, RATINGS, Config, settle_by_labels, vocabularies
from models.tags.labelling import LABELLING

MODEL = Model(
    name="tags",
    version=1,
    config=Config,
    labels=LABELS,
    more_labels={"ratings": RATINGS},
    opinions={"ratings": Opinion("tags", Late("models.tags.ratings:judge_ratings"))},
    vocabularies=vocabularies,
    settle=features.settle,
    settle_by_labels=settle_by_labels,
    reads=features.reads,
    features=features.features,
    targets=features.targets,
    train=Late("models.tags.fitting:train"),
    predict=predict.predict,
    score_film=Late("models.tags.scores:score_film"),
    summarise=Late("models.tags.scores:summarise"),
    support=Late("models.tags.scores:support"),
    answers=Late("models.tags.scores:answers"),
    baseline=Late("models.tags.scores:baseline"),
    simple={
        "logistic regression": Late("models.tags.simple:by_logistic"),
        "nearest labelled moment": Late("models.tags.simple:by_nearest"),
    },
    metric="macro_f1",
    figures=Late("models.tags.scores:figures"),
    space={"gamma": [0.1, 0.3, 0.5, 1.0], "ridge": [0.01, 0.03, 0.1, 0.3], "context": [0, 2, 4, 8]},
    labelling=LABELLING,
    learners={
        "linear": {"head": "linear"},  # over the backbone's top too, where `fine_tune` has it learn
        "kernel": {"head": "kernel", "fine_tune": None},
        "mlp": {"head": "mlp", "fine_tune": None},
    },
    measures={
        "macro_f1": "mean over tags that occur of F1 over shots",
        "macro_precision": "mean over tags that occur of precision over shots",
        "macro_recall": "mean over tags that occur of recall over shots",
        "micro_f1": "F1 over all pairs of shot and tag",
        "film_precision": "mean over films of the precision of their tags (MAP of Khan et al.; no average precision)",
        "film_recall": "mean over films of the recall of their tags (MAR of Khan et al.)",
        "film_f1": "harmonic mean of film_precision and film_recall",
        "tags_that_occur": "how many tags any labelled shot has",
    },
    about="Tags of shots by a head on a frozen backbone's embeddings, after Khan et al., Movies Tags Extraction Using "
    "Deep Learning (AVSS 2017). It knows the tags it was shown and says how likely each is, not why; tags that few "
    "training shots carry are weak, and a backbone without training (descriptor) sees colour and layout, not things.",
)
