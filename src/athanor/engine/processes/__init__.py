"""Where folds are fitted: here, or in processes of this machine."""
