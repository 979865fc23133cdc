"""What queueing theory says of one server with Poisson arrivals.

After Gross, Shortle, Thompson, Harris, "Fundamentals of Queueing Theory" (4th edition), chapters 2 and 5.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def exponential_times(count: int, rate: float, seed: int) -> NDArray[np.float64]:
    """Returns service times of an exponential distribution: its quantiles in random order, so that the list has that distribution, and its mean, exactly."""
    quantiles = -np.log1p(-(np.arange(count) + 0.5) / count) / rate
    return np.random.Generator(np.random.MT19937(seed)).permutation(quantiles)


def latencies(arrivals: NDArray[np.float64], services: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns how long each query stays, by Lindley's recursion: end[i] = max(arrival[i], end[i-1]) + service[i], solved for all at once."""
    done = np.cumsum(services)
    return done + np.maximum.accumulate(arrivals - (done - services)) - arrivals


def mm1_latency(arrival_rate: float, service_rate: float, percent: float) -> float:
    """Returns a percentile of the time in an M/M/1 system, which is exponential with the rate of service less that of arrivals."""
    return -math.log(1 - percent / 100) / (service_rate - arrival_rate)


def mm1_max_rate(service_rate: float, percent: float, bound: float) -> float:
    """Returns the rate of arrivals at which that percentile is `bound`."""
    return service_rate + math.log(1 - percent / 100) / bound


def md1_within(arrival_rate: float, service: float, bound: float) -> float:
    """Returns the share of queries of an M/D/1 system that stay for at most `bound`: Erlang's series for the time of waiting."""
    wait = bound - service
    if wait < 0:
        return 0.0
    terms = []
    for k in range(int(wait / service) + 1):
        u = arrival_rate * (wait - k * service)
        terms.append(math.exp(u) * (-u) ** k / math.factorial(k))
    return (1 - arrival_rate * service) * math.fsum(terms)


def md1_max_rate(service: float, percent: float, bound: float) -> float:
    """Returns the rate of arrivals at which `percent` percent of the queries stay for at most `bound`."""
    return root(lambda rate: md1_within(rate, service, bound) - percent / 100, 0.0, 1 / service)


def md1_latency(arrival_rate: float, service: float, percent: float) -> float:
    """Returns a percentile of the time in an M/D/1 system."""
    return root(lambda bound: percent / 100 - md1_within(arrival_rate, service, bound), service, 40 * service)


def root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Returns where a falling function is zero, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2
