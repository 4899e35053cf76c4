"""tls.py - the list of TLS cases in pika: tls.py FOLDER, where certificates and
the brokers' ports are."""

import ssl
import sys

import pika
import pika.exceptions

import play
from play import PATIENCE, Failed, case, check

play.cases.clear()  # the other list's
FOLDER = sys.argv[1] + "/"
with open(FOLDER + "ports") as lines:
    PORTS = dict(line.split() for line in lines)


def context(authority="ca", client=None, version=None):
    result = ssl.create_default_context(cafile=FOLDER + authority + ".pem")
    if client:
        result.load_cert_chain(FOLDER + client + ".pem", FOLDER + client + ".key")
    if version:
        result.minimum_version = result.maximum_version = version
    return result


def parameters(broker="plain", user=None, **how):
    credentials = pika.PlainCredentials("guest", "guest")
    if user:
        credentials = pika.credentials.ExternalCredentials()
    return pika.ConnectionParameters(
        "localhost", int(PORTS[broker]), credentials=credentials,
        ssl_options=pika.SSLOptions(context(**how), "localhost"),
        socket_timeout=PATIENCE, blocked_connection_timeout=PATIENCE)


play.parameters = parameters


def let_in(user="guest", **how):
    """The broker confirms what says to be from that user only if it is."""
    external = user if user != "guest" else None
    connection = pika.BlockingConnection(parameters(user=external, **how))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("amq.fanout", "", b"", pika.BasicProperties(user_id=user))
    connection.close()


def kept_out(**how):
    try:
        let_in(**how)
    except (pika.exceptions.AMQPError, OSError):
        return
    raise Failed("it was let in")


def version_case(name, version, wanted):
    @case(name)
    def _():
        connection = pika.BlockingConnection(parameters(version=version))
        seen = connection._impl._transport._sock.version()
        connection.close()
        check(seen == wanted, "it speaks " + seen)
        let_in(version=version)


version_case("TLS 1.2", ssl.TLSVersion.TLSv1_2, "TLSv1.2")
version_case("TLS 1.3", ssl.TLSVersion.TLSv1_3, "TLSv1.3")


@case("a broker of another authority is left")
def _():
    kept_out(authority="stranger")


@case("a client with a certificate is let in")
def _():
    let_in(broker="subject", client="client")


@case("a client without a certificate is not")
def _():
    kept_out(broker="subject")


@case("a certificate of another authority is refused")
def _():
    kept_out(broker="subject", client="forged")


def external_case(name, broker, user):
    @case(name)
    def _():
        let_in(broker=broker, client="client", user=user)


external_case("EXTERNAL by the subject", "subject", "CN=anna,O=Team")
external_case("EXTERNAL by the common name", "common_name", "anna")
external_case("EXTERNAL by an alternative name", "alternative", "anna.example")

play.body_case("body of 1 MiB", 1 << 20)
play.body_case("body of 32 MiB", 32 << 20)
play.messages_case(20000)

if __name__ == "__main__":
    sys.exit(play.main())
