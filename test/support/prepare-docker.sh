#!/bin/sh
# Installs a Docker engine and a registry for the Docker tests where that is possible: as root on a Debian machine.
# Elsewhere the tests use the engine that runs, or say why they are skipped.
set -eu
wanted=
if ! command -v dockerd >/dev/null 2>&1 && [ ! -S /var/run/docker.sock ] && [ -z "${DOCKER_HOST:-}" ]; then
  wanted='docker.io iptables'
fi
command -v docker-registry >/dev/null 2>&1 || wanted="$wanted docker-registry"
[ -n "$wanted" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "prepare-docker: missing here, and cannot be installed (needs root and apt-get): $wanted" >&2
  exit 0
fi
echo "prepare-docker: installing for the Docker tests: $wanted" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq -o Acquire::Retries=3
# The services are not wanted: the tests start an engine and a registry of their own and stop them.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
# shellcheck disable=SC2086 # a list of names
apt-get install -y -qq -o Acquire::Retries=3 --no-install-recommends $wanted >/dev/null || status=$?
rm -f /usr/sbin/policy-rc.d
exit "${status:-0}"
