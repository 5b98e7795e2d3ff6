"""Every bound and default of Muster, with its unit and its reason, in one place: a file for each area, all of them read as `limits.NAME`.
A number that limits something lives here and nowhere else; a name says what it bounds and ends in its unit unless it is a count.
Operators can change only what `muster config` lists; the rest is a promise to every client.
"""

from .checks import *
from .client import *
from .command_line import *
from .consul import *
from .dns import *
from .etcd import *
from .eureka import *
from .guard import *
from .http import *
from .instances import *
from .leases import *
from .observe import *
from .policy import *
from .probes import *
from .replicas import *
from .storage import *
from .suspicion import *
from .trust import *
from .watches import *
from .writes import *
