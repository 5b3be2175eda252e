"""Trainers of this project, by the name that `python train.py NAME` takes."""

TRAINER_REGISTRY: dict[str, str] = {
    'MockNetTrainer': 'train.mock_net_trainer:MockNetTrainer',  # kept for the paper
    # experimental
    'WideNetTrainer': (
        'train.wide_net_trainer:WideNetTrainer'
    ),
    'DigitsNetTrainer': 'train.digits_net_trainer:DigitsNetTrainer',
}
