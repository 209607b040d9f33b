"""What a trained model is worth: quality, calibration and cost."""
