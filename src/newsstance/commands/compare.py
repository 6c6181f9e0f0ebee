"""``newsstance compare``."""
def run(config, run):
    print(config, run.folder)
