"""The tasks that runs can have, in the order in which they are shown."""

from lineup.comparison import classification, reconstruction

TASKS = {task.name: task for task in (classification.TASK, reconstruction.TASK)}
