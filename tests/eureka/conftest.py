"""The same real registry and callers as the native API's tests have, and instances in Eureka's words."""

from __future__ import annotations

from typing import Any

from tests.httpapi.conftest import caller, name, prober, registry

__all__ = ["caller", "name", "prober", "registry"]

XML_INSTANCE = """\
<?xml version="1.0" encoding="UTF-8"?>
<instance>
  <instanceId>host-1:shop:8080</instanceId>
  <hostName>host-1.example.com</hostName>
  <app>{app}</app>
  <ipAddr>10.0.3.7</ipAddr>
  <status>UP</status>
  <overriddenstatus>UNKNOWN</overriddenstatus>
  <port enabled="true">8080</port>
  <securePort enabled="true">8443</securePort>
  <countryId>1</countryId>
  <dataCenterInfo class="com.netflix.appinfo.AmazonInfo">
    <name>Amazon</name>
    <metadata><availability-zone>eu-1a</availability-zone><instance-id>i-1</instance-id></metadata>
  </dataCenterInfo>
  <leaseInfo><renewalIntervalInSecs>10</renewalIntervalInSecs><durationInSecs>40</durationInSecs></leaseInfo>
  <metadata><version>1.2</version><team>shop &amp; co</team></metadata>
  <homePageUrl>http://host-1.example.com:8080/</homePageUrl>
  <vipAddress>shop,store</vipAddress>
  <secureVipAddress>shop-secure</secureVipAddress>
  <isCoordinatingDiscoveryServer>false</isCoordinatingDiscoveryServer>
  <lastUpdatedTimestamp>1000</lastUpdatedTimestamp>
  <lastDirtyTimestamp>2000</lastDirtyTimestamp>
  <actionType>ADDED</actionType>
</instance>
"""


def body(app_: str, id: str = "host-1:web:8080", **fields: Any) -> dict[str, Any]:
    """What a Java client posts."""
    own = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
    told = {
        "instanceId": id,
        "hostName": "10.0.3.7",
        "app": app_.upper(),
        "ipAddr": "10.0.3.7",
        "status": "UP",
        "overriddenStatus": "UNKNOWN",
        "port": {"$": 8080, "@enabled": "true"},
        "securePort": {"$": 443, "@enabled": "false"},
        "countryId": 1,
        "dataCenterInfo": {"@class": own, "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
        "metadata": {"zone": "a"},
        "vipAddress": app_.lower(),
        "secureVipAddress": app_.lower(),
        "isCoordinatingDiscoveryServer": "false",
        "lastUpdatedTimestamp": "1700000000000",
        "lastDirtyTimestamp": "1700000000000",
    }
    return {"instance": told | fields}
