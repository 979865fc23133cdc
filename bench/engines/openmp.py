"""How the threads of engines that use OpenMP wait for each other."""


def openmp_settings(threads: int) -> list[dict[str, str]]:
    """Returns the settings to choose from.

    How long threads spin at a barrier decides much with several of them, and no choice is best everywhere: without end is best on an idle
    machine and ten times too slow on one that does anything else; passive is slow for small models.
    """
    common = {"OMP_NUM_THREADS": str(threads)}
    if threads == 1:
        return [common]
    waits = [{"OMP_PROC_BIND": "true"}, {"OMP_PROC_BIND": "true", "GOMP_SPINCOUNT": "10000"}, {"OMP_WAIT_POLICY": "passive"}]
    return [common | wait for wait in waits]
