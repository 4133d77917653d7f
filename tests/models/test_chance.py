"""scikit-learn's contract."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from models.chance import ChanceClassifier


@pytest.mark.filterwarnings("ignore::models.chance.AbstainedWarning")
@parametrize_with_checks([ChanceClassifier()])
def test_the_contract_of_scikit_learn_is_kept(estimator, check):
    check(estimator)
