"""`birthcert issue` against the written recipe's loop of openssl and the aws CLI, on one sandbox.

    python benchmarks/against_recipe.py [--devices 20]

For each device the loop makes a key and a CSR, asks for the certificate, waits for it and fetches
it. Ours makes the keys too, writes the same files and keeps its ledger. Prints the seconds of the
loop, those of our batch and those of our whole command with Prefect's start, and both ratios.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from trial import TEMPLATE_ARN, Trial, trial

BIN = Path(sys.executable).parent
LOOP = """
set -eu
for number in $(seq 1 "$DEVICES"); do
  device="recipe-$number"
  mkdir -p "$OUT/$device"
  openssl ecparam -name prime256v1 -genkey -noout -out "$OUT/$device/private.pem" 2>/dev/null
  openssl req -new -key "$OUT/$device/private.pem" -subj "/CN=$device" -out "$OUT/$device/csr.pem"
  arn=$(aws acm-pca issue-certificate --certificate-authority-arn "$AUTHORITY" \\
    --csr "fileb://$OUT/$device/csr.pem" --signing-algorithm SHA256WITHECDSA \\
    --template-arn "$TEMPLATE" --validity Value=365,Type=DAYS --idempotency-token "$device" \\
    --query CertificateArn --output text)
  aws acm-pca wait certificate-issued --certificate-authority-arn "$AUTHORITY" \\
    --certificate-arn "$arn"
  aws acm-pca get-certificate --certificate-authority-arn "$AUTHORITY" \\
    --certificate-arn "$arn" --query Certificate --output text > "$OUT/$device/certificate.pem"
  aws acm-pca get-certificate-authority-certificate --certificate-authority-arn "$AUTHORITY" \\
    --query Certificate --output text > "$OUT/$device/ca.pem"
  cat "$OUT/$device/certificate.pem" "$OUT/$device/ca.pem" > "$OUT/$device/chain.pem"
done
"""


def recipe(trial: Trial, size: int) -> float:
    """Seconds of the loop."""
    environment = {
        **trial.environment,
        "PATH": f"{BIN}:{trial.environment['PATH']}",
        "DEVICES": str(size),
        "OUT": str(trial.folder / "recipe"),
        "AUTHORITY": trial.authority_arn,
        "TEMPLATE": TEMPLATE_ARN,
    }
    began = time.perf_counter()
    subprocess.run(["bash", "-c", LOOP], env=environment, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=20)
    size = parser.parse_args().devices
    with trial() as ready:
        ready.environment["BIRTHCERT_KEY_PASSPHRASE"] = "a passphrase for a benchmark"
        manifest = ready.folder / "manifest.csv"
        rows = [f"device-{number}" for number in range(1, size + 1)]
        manifest.write_text("\n".join(["device_id", *rows, ""]))
        loop = recipe(ready, size)
        keys = ("--generate-keys", "EC_prime256v1", "--subject", "from-manifest")
        report = ready.issue(manifest, "out", *keys)
        assert report["issued"] == size, report
    measured = {
        "devices": size,
        "recipe_seconds": round(loop, 1),
        "batch_seconds": report["seconds"],
        "command_seconds": report["command_seconds"],
        "ratio_to_batch": round(loop / report["seconds"], 1),
        "ratio_to_command": round(loop / report["command_seconds"], 1),
    }
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
