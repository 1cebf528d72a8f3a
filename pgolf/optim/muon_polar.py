"""MuonEq-R with the coefficients of Polar Express, one triple for each of up to five steps, and momentum in the activation type.

    X <- a_i X + (b_i A + c_i A A) X,  A = X X^T        singular values end in 0.86 .. 1.14 instead of 0.75 .. 1.13

Why     each step is the best quintic for what the step before can have left, so five steps get closer to orthogonal
From    Amsel et al. 2025 (Polar Express); parameter-golf PR 1344, PR 1787
"""

from pgolf.optim.muon_eq_r import MuonEqR

POLAR = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


class MuonPolar(MuonEqR):
    def __init__(self, cfg, parameters):
        super().__init__(cfg, parameters)
        self.momenta = {i: momentum.to(self.dtype) for i, momentum in self.momenta.items()}

    def iteration(self):
        """Coefficients of the Newton-Schulz steps."""
        return POLAR[: self.cfg.newton_schulz_steps]


def build(cfg, parameters) -> MuonPolar:
    return MuonPolar(cfg, parameters)
