# An OpenLDAP for a test: certificates and users are in /tmp, the reader's password in
# /tmp/password.
set -eu
export DEBIAN_FRONTEND=noninteractive
mkdir -p /tmp/ldap/data
hash=$(slappasswd -T /tmp/password)
cat >/tmp/ldap/slapd.conf <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile /tmp/certificate.pem
TLSCertificateKeyFile /tmp/key.pem
database mdb
suffix "dc=company,dc=example"
rootdn "cn=reader,dc=company,dc=example"
rootpw $hash
directory /tmp/ldap/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.base="cn=reader,dc=company,dc=example" read by * none
END
slapadd -f /tmp/ldap/slapd.conf -l /tmp/people.ldif
exec slapd -f /tmp/ldap/slapd.conf -h "ldaps://$ADDRESS:$PORT" -d stats
