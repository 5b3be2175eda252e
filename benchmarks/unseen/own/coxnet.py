from torch import nn


class CoxRiskNet(nn.Module):
    """Log hazard ratio from clinical covariates, for the Cox partial likelihood (time and event come with the data)."""

    def __init__(self, n_covariates, hidden=(32, 16), act=nn.SELU, p=0.1):
        super().__init__()
        dims = [n_covariates, *hidden]
        self.net = nn.Sequential()
        for i, (a, b) in enumerate(zip(dims, dims[1:])):
            self.net.add_module(f"lin{i}", nn.Linear(a, b))
            self.net.add_module(f"act{i}", act())
            self.net.add_module(f"drop{i}", nn.AlphaDropout(p))
        self.log_hazard = nn.Linear(dims[-1], 1, bias=False)

    def forward(self, covariates):
        return self.log_hazard(self.net(covariates))
