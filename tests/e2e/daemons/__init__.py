# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""The daemons that play NVAs, by the name that the matrix gives them."""

from .bird import Bird
from .exabgp import Exabgp
from .frr import Frr
from .gobgp import Gobgp
from .openbgpd import Openbgpd

DAEMONS = {"bird": Bird, "frr": Frr, "gobgp": Gobgp, "openbgpd": Openbgpd, "exabgp": Exabgp}
