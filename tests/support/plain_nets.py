"""One net in plain words: a row and a number at a time, in double precision. What the packed nets are held against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class PlainNet:
    """scale: a number per input. weights: by layer a list of rows, one per input. biases: by layer."""

    scale: list[float]
    weights: list[list[list[float]]]
    biases: list[list[float]]

    @classmethod
    def of(cls, parameters, net):
        return cls(
            [float(number) for number in parameters.scale[net]],
            [[[float(number) for number in row] for row in weights[net]] for weights in parameters.weights],
            [[float(number) for number in biases[net]] for biases in parameters.biases],
        )

    def numbers(self):
        """All parameters in one list, in the order of the packed nets."""
        listed = list(self.scale)
        for weights, biases in zip(self.weights, self.biases, strict=True):
            for row in weights:
                listed.extend(row)
            listed.extend(biases)
        return listed

    def changed(self, numbers):
        """The same net with other parameters."""
        rest = iter(numbers)
        scale = [next(rest) for _ in self.scale]
        weights, biases = [], []
        for layer, own in zip(self.weights, self.biases, strict=True):
            weights.append([[next(rest) for _ in row] for row in layer])
            biases.append([next(rest) for _ in own])
        return PlainNet(scale, weights, biases)

    def forward(self, row, kept=None):
        """(what each layer gets, the sums of each layer). kept: by hidden layer a factor for each value."""
        values = [float(cell) * scale for cell, scale in zip(row, self.scale, strict=True)]
        seen, all_sums = [values], []
        for layer, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            sums = []
            for output, bias in enumerate(biases):
                total = bias
                for value, row_of_weights in zip(seen[-1], weights, strict=True):
                    total += value * row_of_weights[output]
                sums.append(total)
            all_sums.append(sums)
            if layer < len(self.weights) - 1:
                factors = [1.0] * len(sums) if kept is None else kept[layer]
                seen.append([silu(total) * factor for total, factor in zip(sums, factors, strict=True)])
        return seen, all_sums

    def answer(self, row, kept=None):
        _, sums = self.forward(row, kept)
        return sums[-1]

    def gradient(self, row, by_outputs, kept=None):
        """The derivatives by all parameters, from those of this row's loss by its outputs."""
        seen, sums = self.forward(row, kept)
        by_weights, by_biases = [None] * len(self.weights), [None] * len(self.weights)
        by_sums = [float(slope) for slope in by_outputs]
        for layer in range(len(self.weights) - 1, -1, -1):
            by_weights[layer] = [[value * slope for slope in by_sums] for value in seen[layer]]
            by_biases[layer] = list(by_sums)
            by_values = [
                sum(weight * slope for weight, slope in zip(row_of_weights, by_sums, strict=True))
                for row_of_weights in self.weights[layer]
            ]
            if layer:
                factors = [1.0] * len(by_values) if kept is None else kept[layer - 1]
                by_sums = [
                    by_value * factor * silu_slope(total)
                    for by_value, factor, total in zip(by_values, factors, sums[layer - 1], strict=True)
                ]
        by_scale = [float(cell) * by_value for cell, by_value in zip(row, by_values, strict=True)]
        return PlainNet(by_scale, by_weights, by_biases).numbers()


def silu(number):
    return number / (1.0 + math.exp(-number))


def silu_slope(number):
    gate = 1.0 / (1.0 + math.exp(-number))
    return gate + number * gate * (1.0 - gate)


def differences(function, point, step=1e-5):
    """The derivatives of a function of a list of numbers, by trying."""
    found = []
    for place in range(len(point)):
        above, below = list(point), list(point)
        above[place] += step
        below[place] -= step
        found.append((function(above) - function(below)) / (2 * step))
    return found


class PlainTraining:
    """Adam, with paces and decay as the packed nets have them, number by number."""

    def __init__(self, net, spec, schedule, loss):
        self.net, self.spec, self.schedule, self.loss = net, spec, schedule, loss
        self.first = [0.0] * len(net.numbers())
        self.second = [0.0] * len(net.numbers())
        self.n_steps = 0
        n_inputs = len(net.scale)
        self.paces, self.decays = [6.0] * n_inputs, [0.0] * n_inputs
        for weights, biases in zip(net.weights, net.biases, strict=True):
            n_weights = len(weights) * len(biases)
            self.paces += [1.0 / math.sqrt(len(weights))] * n_weights + [0.1] * len(biases)
            self.decays += [1.0] * n_weights + [0.0] * len(biases)

    def step(self, rows, y, weight, kept=None):
        """One step on a batch. kept: by row and hidden layer."""
        total = [0.0] * len(self.first)
        for place, row in enumerate(rows):
            factors = None if kept is None else kept[place]
            outputs = np.array([self.net.answer(row, factors)], np.float32)
            slopes = self.loss.slopes(outputs, np.array([y[place]], np.float32))[0]
            own = self.net.gradient(row, [slope * weight[place] / len(rows) for slope in slopes], factors)
            total = [so_far + part for so_far, part in zip(total, own, strict=True)]
        self.n_steps += 1
        rate = self.spec.rate * self.schedule.rate(self.n_steps)
        decay = self.spec.decay * self.schedule.firmness(self.n_steps)
        numbers = self.net.numbers()
        for place, slope in enumerate(total):
            self.first[place] = 0.9 * self.first[place] + 0.1 * slope
            self.second[place] = 0.95 * self.second[place] + 0.05 * slope * slope
            mean = self.first[place] / (1.0 - 0.9**self.n_steps)
            size = math.sqrt(self.second[place] / (1.0 - 0.95**self.n_steps))
            numbers[place] -= rate * decay * self.decays[place] * numbers[place]
            numbers[place] -= rate * self.paces[place] * mean / (size + 1e-8)
        self.net = self.net.changed(numbers)
