# Varnish before the ENT: its own rules, with a grace for a line that is down.
vcl 4.1;

backend default {
  .host = "{origin}";
  .port = "80";
  .host_header = "{name}";
  .first_byte_timeout = 60s;
  .between_bytes_timeout = 60s;
}

sub vcl_backend_response {
  set beresp.grace = 1h;
}
