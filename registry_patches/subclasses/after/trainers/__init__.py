from . import conv_net_trainer  # noqa: F401
from . import linear_trainer  # noqa: F401
from . import wine_net_trainer  # noqa: F401
