"""What fitted estimators answer, as trees, linear models and graphs of the flat form."""
