"""Strong simple predictors that models stand beside: the nearest labelled moment, and logistic regression."""
