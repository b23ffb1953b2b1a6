"""Scenes: which shots begin one, learned from four kinds of features per shot.

Of N shots the N − 1 boundaries between them may be boundaries of scenes; the answer for a boundary stands at the shot
after it, and the first shot has none. All networks read how alike the shots before and after each boundary are, in
windows of several widths, and stand beside a logistic regression on the same numbers:

    similarity  several members of one hidden layer, boundary by boundary (default)
    bilstm      two bidirectional LSTM layers of 32, over the film
    wavenet     dilated convolutions: 2 blocks × 4 layers of 10 filters, then 5
    logistic    the logistic regression alone

A film is cut into as many scenes as its calibrated probabilities add up to. They are calibrated by cross-fitting over
the films, and know that scenes last a time rather than a number of shots: a film of long shots has more to a shot.

On films of the kind learned from `similarity` finds a little more than the logistic regression (`python -m
benchmarks.ovsd`), on films of another kind a little less (`python -m benchmarks.other_films`): `network: logistic` is
the choice there, and `learner: auto` compares all four on your films.

    models:
      scenes: {labels: scenes}
      scenes_wavenet:                                     # as in its first publication
        model: scenes
        labels: scenes
        config: {network: wavenet, num_blocks: 3, num_layers: 9, filters1: 13, filters2: 10,
                 optimizer: rmsprop, learning_rate: 2.0e-5, epochs: 20, patience: null, balance: 0}
"""

from __future__ import annotations

from cinelake.spec.model import Late, Model
from models.scenes import features, predict
from models.scenes.config import LABELS, SPACE, Config
from models.scenes.labelling import LABELLING

MODEL = Model(
    name="scenes",
    version=1,
    config=Config,
    labels=LABELS,
    reads=features.reads,
    features=features.features,
    targets=features.targets,
    train=Late("models.scenes.fitting:train"),
    predict=predict.predict,
    score_film=Late("models.scenes.scores:score_film"),
    summarise=Late("models.scenes.scores:summarise"),
    answers=Late("models.scenes.scores:answers"),
    baseline=Late("models.scenes.scores:baseline"),
    metric="map",
    figures=Late("models.scenes.scores:figures"),
    cross_fits=True,
    learners={name: {"network": name} for name in ("logistic", "similarity", "wavenet", "bilstm")},
    space=SPACE,
    labelling=LABELLING,
    measures={
        "map": "mean over films of the average precision of their boundaries; a film without any is left out",
        "ap": "average precision over all films' shots together",
        "miou": "mean maximum intersection over union of true and predicted scenes, seen from either side",
        "f1": "harmonic mean of precision and recall of boundaries, to the shot",
        "precision": "share of predicted boundaries that are true",
        "recall": "share of true boundaries that are predicted",
        "recall_3s": "share of true boundaries with a predicted one within 3 s",
    },
    about="Says at which shots a scene begins, from place, cast, action and sound of each shot. The network "
    "`similarity` compares the shots before and after each boundary in windows up to ten shots wide, in the spirit of "
    "LGSS (Rao et al., CVPR 2020), ShotCoL (Chen et al., CVPR 2021) and BaSSL (Mun et al., ACCV 2022); `logistic` "
    "weighs the same comparisons; `bilstm` and `wavenet` read them as a sequence. It knows no story: scenes that "
    "change neither place nor people nor sound are not seen, and a flashback inside a scene is taken for one of its "
    "own.",
)
