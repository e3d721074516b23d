/* Version: of this program. */
#pragma once

#define BERTH_VERSION "0.1.0"
