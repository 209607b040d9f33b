"""What a trained model is worth at its task: one package a task, all with the same six names.

`DIGITS`, decimals that its figures are kept with; `HEADLINE`, the quantity that runs are ranked by;
`BRIEF`, the figures that DVC's own tables show;
`score_seed(apply, model, learn, samples, where) -> SeedScores`, one seed's figures, answers and confusion;
`complete(mean, test_images) -> dict`, the means over seeds with what follows from them, in their order;
`draw(apply, model, scores, samples, classes, folder)`, the pictures of one seed.
"""
