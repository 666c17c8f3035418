"""People rate explanations; the ratings calibrate the reward model.

    python -m annotate --help

Works alone and as tabs of `app.py`. `store` keeps the rows, `assignment` hands out work, `rating` takes it back, `importing`
brings items in, `exporting` ratings out.
"""
