#!/bin/sh
# Writes Alertmanager's configuration from the environment, and starts it. docs/monitoring.md has the variables.
# Every receiver that is set gets every alert; without any, Home Assistant's webhook does.
set -eu
umask 077
configuration="${ALERT_CONFIGURATION:-/tmp/alertmanager.yml}"

quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"; }
webhook() { printf '      - {url: %s, send_resolved: true}\n' "$(quoted "$1")"; }
set_of() { eval "printf %s \"\${$1:-}\""; }

if [ -z "$(set_of ALERT_WEBHOOK_URL)$(set_of ALERT_NTFY_URL)$(set_of ALERT_EMAIL_TO)" ]; then
  ALERT_WEBHOOK_URL="${HA_URL:-http://homeassistant.local:8123}"
  case "$ALERT_WEBHOOK_URL" in *://*) ;; *) ALERT_WEBHOOK_URL="http://$ALERT_WEBHOOK_URL" ;; esac
  ALERT_WEBHOOK_URL="${ALERT_WEBHOOK_URL%/}/api/webhook/${ALERT_HOME_ASSISTANT_WEBHOOK:-ingestor_alerts}"
fi

{
  cat "${ALERT_ROUTES:-/etc/alertmanager/routes.yml}"
  echo "receivers:"
  echo "  - name: watchdog"
  if [ -n "$(set_of ALERT_WATCHDOG_URL)" ]; then
    echo "    webhook_configs:"
    printf '      - {url: %s, send_resolved: false}\n' "$(quoted "$ALERT_WATCHDOG_URL")"
  fi
  echo "  - name: person"
  if [ -n "$(set_of ALERT_WEBHOOK_URL)$(set_of ALERT_NTFY_URL)" ]; then
    echo "    webhook_configs:"
    [ -z "$(set_of ALERT_WEBHOOK_URL)" ] || webhook "$ALERT_WEBHOOK_URL"
    [ -z "$(set_of ALERT_NTFY_URL)" ] || webhook "${ALERT_NTFY_URL%%\?*}?template=alertmanager"
  fi
  if [ -n "$(set_of ALERT_EMAIL_TO)" ]; then
    echo "    email_configs:"
    echo "      - to: $(quoted "$ALERT_EMAIL_TO")"
    echo "        from: $(quoted "$(set_of ALERT_EMAIL_FROM)")"
    echo "        smarthost: $(quoted "$(set_of ALERT_SMTP)")"
    echo "        auth_username: $(quoted "$(set_of ALERT_SMTP_USER)")"
    echo "        auth_password: $(quoted "$(set_of ALERT_SMTP_PASSWORD)")"
    echo "        send_resolved: true"
  fi
} > "$configuration"

exec "${ALERTMANAGER:-/bin/alertmanager}" --config.file="$configuration" "$@"
