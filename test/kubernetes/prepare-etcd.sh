#!/bin/sh
# Installs the store of a Kubernetes API server where that is possible: as root on a Debian machine.
set -eu
command -v etcd >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo 'prepare-etcd: etcd is missing here, and cannot be installed (needs root and apt-get)' >&2
  exit 1
fi
echo 'prepare-etcd: installing etcd-server' >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# The service is not wanted: the tests start a store of their own and stop it.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
apt-get install -y -qq --no-install-recommends etcd-server >/dev/null || status=$?
rm -f /usr/sbin/policy-rc.d
exit "${status:-0}"
