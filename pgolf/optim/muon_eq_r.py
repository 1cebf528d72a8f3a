"""MuonEq-R: Muon with every row of the momentum brought to unit length before it is orthogonalised.

    U[i] <- U[i] / max(||U[i]||, 1e-7)

Why     outputs with small gradients get a full vote, and the iteration starts closer to orthogonal
From    parameter-golf PR 1260, PR 1394
"""

# N matrices, R rows, C columns
import torch
import torch.nn.functional as F

from pgolf.optim.muon import Muon


class MuonEqR(Muon):
    def precondition(self, u_NRC: torch.Tensor) -> torch.Tensor:
        return F.normalize(u_NRC, dim=-1, eps=1e-7)


def build(cfg, parameters) -> MuonEqR:
    return MuonEqR(cfg, parameters)
