#!/bin/sh
# Installs a Docker engine for the Docker tests where that is possible: as root on a Debian machine.
# Elsewhere the tests use the engine that runs, or say why they are skipped.
set -eu
if command -v dockerd >/dev/null 2>&1 || [ -S /var/run/docker.sock ] || [ -n "${DOCKER_HOST:-}" ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo 'prepare-docker: no Docker engine here, and none can be installed (needs root and apt-get)' >&2
  exit 0
fi
echo 'prepare-docker: installing docker.io and iptables for the Docker tests' >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# The service is not wanted: the tests start an engine of their own and stop it.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null || status=$?
rm -f /usr/sbin/policy-rc.d
exit "${status:-0}"
