"""The bar of long work."""

from rich.progress import Progress

from caloforge.cli.options import RateColumn, ShowerCount


def test_the_rate_leaves_out_what_an_earlier_run_made():
    progress = Progress(RateColumn(), disable=True)
    count = ShowerCount(progress, "generating", 1000)
    count(600)
    count(700)
    task = progress.tasks[0]
    task.finished_time, task.total = 10.0, 700
    assert count.before == 600
    assert RateColumn().render(task).plain == "10.0 showers/s"
