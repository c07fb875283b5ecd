// A photograph by the camera.

const element = (id) => document.getElementById(id);

/** Makes a button open the camera; `take` is called with the photograph, a Blob. */
export function prepareCamera(button, take) {
  const dialog = element("camera-dialog"), video = element("video"), shutter = element("take");
  button.hidden = !navigator.mediaDevices?.getUserMedia;
  button.addEventListener("click", async () => {
    element("camera-error").textContent = "";
    shutter.disabled = true;
    dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (dialog.open) video.srcObject = stream;
      else stop(stream); // It was closed while the browser asked.
    } catch (error) {
      element("camera-error").textContent = `There is no camera that may be used (${error.message}).`;
    }
  });
  video.addEventListener("loadeddata", () => { shutter.disabled = false; shutter.focus(); });
  shutter.addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob(take, "image/jpeg", 0.92);
    dialog.close();
  });
  element("cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (video.srcObject) stop(video.srcObject);
    video.srcObject = null;
  });
}

function stop(stream) {
  stream.getTracks().forEach((track) => track.stop());
}
