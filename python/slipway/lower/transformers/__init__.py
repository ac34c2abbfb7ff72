"""What scikit-learn's fitted transformers do to columns, as steps of the flat form."""
