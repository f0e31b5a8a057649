# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""Tests in Python that print one cmocka-like line each, so that tools/check counts them."""

import unittest


class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        super().addSuccess(test)
        print(f"[       OK ] {test._testMethodName}")  # pylint: disable=protected-access

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(f"[  FAILED  ] {test._testMethodName}")  # pylint: disable=protected-access

    addError = addFailure


def main():
    unittest.main(testRunner=unittest.TextTestRunner(resultclass=Result))
